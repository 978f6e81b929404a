/* A whole file, or standard input, in memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

char *cli_read(const char *path, size_t *n, struct fmt_err *err)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *f = is_stdin ? stdin : fopen(path, "rb");
	size_t cap = 65536, got = 1;
	char *text = f ? malloc(cap) : NULL;

	*n = 0;
	while (text && (got = fread(text + *n, 1, cap - *n, f)) > 0) {
		char *larger;

		*n += got;
		if (*n < cap)
			continue;
		larger = cap > SIZE_MAX / 2 ? NULL : realloc(text, cap *= 2);
		if (!larger)
			free(text);
		text = larger;
	}
	if (!f || ferror(f)) {
		fmt_fail_errno(err, errno, "cannot read");
		free(text);
		text = NULL;
	} else if (!text) {
		fmt_fail_nomem(err, cap);
	}
	if (f && !is_stdin)
		fclose(f);
	fmt_err_file(err, is_stdin ? "standard input" : path);
	if (text)
		text[*n] = 0; /* the last read found room left */
	return text;
}
