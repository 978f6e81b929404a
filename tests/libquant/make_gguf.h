/* Small GGUF files for tests, in a temporary directory of their own. */
#ifndef TESTS_LIBQUANT_MAKE_GGUF_H
#define TESTS_LIBQUANT_MAKE_GGUF_H

#include <libfmt/model.h>

struct make_tensor {
	char name[64];
	enum fmt_type type;
	uint32_t n_dims;
	uint64_t dims[4]; /* innermost last */
	const void *data; /* NULL: a hole of zeros */
};

struct make_key {
	const char *name;
	const char *text; /* NULL: the number */
	uint32_t number;
};

/* Creates the directory, and removes it with the files a, b, ... in it. cmocka's setup and teardown. */
int make_dir(void **state);
int remove_dir(void **state);

/* "DIR/NAME", valid until the next but three calls. */
const char *in_dir(void **state, const char *name);

void make_gguf(const char *path, const struct make_key *keys, size_t n_keys, const struct make_tensor *tensors,
               size_t n_tensors);

#endif
