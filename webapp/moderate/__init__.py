"""The moderator's room: comments of closed waves, themes written from them, and the way for announced harm."""
