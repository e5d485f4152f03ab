# SPDX-License-Identifier: Apache-2.0
"""Debian 12's Cinder 21.3.1 refuses, since its answer to CVE-2024-32498, to copy from a qcow2 file with a backing file.
With the NFS driver each snapshot but the first of a chain is such a file: volumes and backups of a second snapshot fail
with "failed safety check". This lets the two functions that read files which Cinder itself made accept one. Safe to
repeat; does nothing to a version that reads otherwise."""
import re

FILE = '/usr/lib/python3/dist-packages/cinder/image/image_utils.py'
CALL = r'qemu_img_info\(source,\s*run_as_root=run_as_root\)'
MENDED = 'qemu_img_info(source, run_as_root=run_as_root, allow_qcow2_backing_file=True)'

with open(FILE) as file:
    text = file.read()
for function in ('def check_image_format', 'def _convert_image'):
    start = text.index(function)
    end = text.index('\ndef ', start + 1)
    text = text[:start] + re.sub(CALL, MENDED, text[start:end]) + text[end:]
with open(FILE, 'w') as file:
    file.write(text)
