from e2e.cinema import cinema_house
from e2e.peers import seats_of_two

__all__ = ["cinema_house", "seats_of_two"]
