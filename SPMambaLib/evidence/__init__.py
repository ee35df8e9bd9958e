"""Why a voxel was highlighted: `record` keeps it, `normal_tiles` shows what is normal there, `fit` makes the tiles."""
