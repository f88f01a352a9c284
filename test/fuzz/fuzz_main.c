/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Replays a corpus: runs a fuzz target, built without a fuzzer, on each file of the folders. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_input.h"

static int
replay_file(const char *folder, const char *name)
{
	static uint8_t data[1 << 16];
	char path[4096];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	return 0;
}

static int
replay_folder(const char *folder)
{
	struct dirent *entry;
	int files = 0;
	DIR *dir;

	dir = opendir(folder);
	if (dir == NULL) {
		perror(folder);
		return -1;
	}
	while (files >= 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		files = replay_file(folder, entry->d_name) == 0 ? files + 1 : -1;
	}
	closedir(dir);
	return files;
}

int
main(int argc, char **argv)
{
	int i, files, total = 0;

	for (i = 1; i < argc; i++) {
		files = replay_folder(argv[i]);
		if (files < 0)
			return 1;
		total += files;
	}
	printf("%d inputs replayed\n", total);
	return total > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
