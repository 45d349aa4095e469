"""Pictures of a run: the live figure drawn in the browser, the final one made for print."""
