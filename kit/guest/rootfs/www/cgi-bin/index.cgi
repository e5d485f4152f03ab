#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
printf 'Content-Type: text/plain\r\n\r\n'
echo "hostname $(hostname)"
echo "uptime $(cut -d' ' -f1 /proc/uptime)"
cat /run/oracle 2>/dev/null || echo "records 0"
