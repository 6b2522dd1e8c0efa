"""MP4 files: what stands where in one, and the same in parts that can be played one by one (ISO/IEC 14496-12)."""
