"""Reports: bytes in, truth out. What came home from a campaign, read, counted and written.

`layout` reads a campaign report, `summary` counts it, `completeness` says whether all of it is there, `writers`
puts it into a file, `survey` does the same for a survey report.
"""
