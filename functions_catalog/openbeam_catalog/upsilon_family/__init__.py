"""The upsilon family: three states of a bottom quark and its antiquark, side by side."""
