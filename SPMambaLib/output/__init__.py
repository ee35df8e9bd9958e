"""What a detection leaves behind: files, overview picture, segmentation, summary, and how all of it looks."""
