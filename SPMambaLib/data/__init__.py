"""Which images there are, what is known of each, and whether they are fit to be worked with.

`reading` gives a list of `Sample` from a manifest, a folder of normals or one of the published layouts; `examine`
checks that list before any work starts; `stacks` cuts volumes into slices when their turn comes.  All but `stacks` is
light.
"""
