"""What the answers mean: item frames go in, frozen results that carry their own trust come out; no Flask, no database."""
