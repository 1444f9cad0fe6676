"""Vigie's desktop application: guns in pictures, videos and cameras on this machine, or at a Vigie elsewhere."""
