"""One module per command of `spmamba`; see `cli`."""
