"""Data sets of moments with their right answers: the format, and importers of other formats."""

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.sample_files import SampleError, Storage
from uio2_ros.data.shards import DataSet, DataSetError, read_shard, write_shard

__all__ = [
    "DataSet",
    "DataSetError",
    "LabelledTask",
    "Sample",
    "SampleError",
    "Storage",
    "read_shard",
    "write_shard",
]
