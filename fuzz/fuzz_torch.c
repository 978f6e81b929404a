/* PyTorch files, zip and older: opened and looked at. */
#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(fuzz_file(data, n), &err);

	if (!m && (!err.code || !err.msg[0]))
		abort();
	if (m && (m->container == FMT_TORCH_ZIP || m->container == FMT_TORCH_LEGACY))
		fuzz_model(m);
	fmt_model_close(m);
	return 0;
}
