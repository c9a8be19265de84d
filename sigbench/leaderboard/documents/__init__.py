"""Pages of results, whose tables and sentences are written from committed records by cog."""
