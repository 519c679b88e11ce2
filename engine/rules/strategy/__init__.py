"""Regulation T and FINRA Rule 4210 strategy-based margin: securities accounts without portfolio margin."""
