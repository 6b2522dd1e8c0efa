"""`lanline video`: live video from the command line."""
