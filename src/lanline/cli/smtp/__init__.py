"""`lanline smtp`: ordinary mail from the command line."""
