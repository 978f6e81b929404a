/* The pickle machine alone, without a zip around it, and the search for tensors in what it made. */
#include <stdlib.h>

#include "../libfmt/torch_tensor.h"
#include "fuzz.h"

static bool each(void *context, const struct torch_tensor *t, struct fmt_err *err)
{
	uint64_t *n_found = context;

	(void)err;
	/* a view that was let through lies in its storage */
	if (!t->storage.untyped && t->off > t->storage.n_elems)
		abort();
	*n_found += 1;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_arena arena;
	struct pickle pickle;
	uint64_t n_found = 0;
	struct torch_walk walk = { .each = each, .context = &n_found, .arena = &arena, .budget = n };

	fmt_arena_init(&arena, PICKLE_ARENA_LIMIT(n));
	if (pickle_parse(&pickle, data, n, 0, &arena, &err)) {
		if (pickle.n_bytes > n || !pickle.root)
			abort();
		if (torch_walk(&walk, pickle.root, &err) != (err.code == FMT_OK) || (!err.code && !n_found))
			abort();
	} else if (!err.code || !err.msg[0]) {
		abort();
	}
	fmt_arena_finish(&arena);
	return 0;
}
