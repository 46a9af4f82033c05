# SPDX-License-Identifier: Apache-2.0
# Makes a C file of the mail templates, so that the daemon sends a good mail wherever it stands:
#   embed.py OUTPUT FILE...   ->   const char template_success_html[] = {...};
import pathlib
import sys

output, *files = sys.argv[1:]
lines = ['/* SPDX-License-Identifier: Apache-2.0 */', '/* Made by embed.py out of conf/templates. */', '#include "report/builtin.h"', '']
for file in map(pathlib.Path, files):
    body = ','.join("'\\x%02x'" % byte for byte in file.read_bytes())
    lines.append('const char template_%s[] = {%s,0};' % (file.name.replace('.', '_').replace('-', '_'), body))
pathlib.Path(output).write_text('\n'.join(lines) + '\n')
