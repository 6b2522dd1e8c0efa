"""`lanline admin`: what whoever runs a server may do."""
