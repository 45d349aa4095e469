"""The host agent: it alone holds the container engine's socket, and makes what administrators want so."""
