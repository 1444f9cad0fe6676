"""Pure code: values in, values out. Time is an argument; there is no asyncio, thread, clock, file or log here."""
