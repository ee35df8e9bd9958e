"""Is this the kind of scan the model knows?

`stated` asks what the file says of itself, `statistics` measures the pixels, `record` holds them against the ranges of
the normals, `fit` makes those ranges.
"""
