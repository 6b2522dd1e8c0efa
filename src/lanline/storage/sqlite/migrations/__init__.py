"""The versions of the tables, in the order of their numbers. A version that was released is never edited."""
