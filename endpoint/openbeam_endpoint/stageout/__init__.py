"""Stage-out: files that tasks wrote leave the sandbox as bytes, and are brought where their user may put them."""
