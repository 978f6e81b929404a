/* safetensors: opened, looked at, and announced to a writer, which must accept whatever the reader did and make a file
 * of the same size but for the header. */
#include <stdlib.h>

#include <libfmt/write.h>

#include "fuzz.h"

static void write_again(const struct fmt_model *m)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, &err);
	uint64_t file_bytes, sum = 0;
	uint32_t index;

	for (uint64_t i = 0; i < m->n_kv; i++)
		fmt_writer_kv(w, &m->kv[i], &err);
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		fmt_writer_tensor(w, t->name, t->type, t->n_dims, t->dims, &index, &err);
		sum += t->n_bytes;
	}
	fmt_writer_layout(w, &file_bytes, &err);
	if (err.code || file_bytes <= sum || file_bytes % 8 != sum % 8)
		abort();
	fmt_writer_destroy(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(fuzz_file(data, n), &err);

	if (!m && (!err.code || !err.msg[0]))
		abort();
	if (m && m->container == FMT_SAFETENSORS) {
		fuzz_model(m);
		write_again(m);
	}
	fmt_model_close(m);
	return 0;
}
