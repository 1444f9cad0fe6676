"""Where Vigie meets the network: the only place that knows aiohttp's server side and aiortc."""
