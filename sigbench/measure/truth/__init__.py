"""What samples are held against: references, and floors."""
