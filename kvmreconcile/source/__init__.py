"""From files to what is desired: reading specs, with every mistake in them named by its place."""
