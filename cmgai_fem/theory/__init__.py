"""Studies of the theory itself: optimal transport as its limit, and its constitutive laws."""
