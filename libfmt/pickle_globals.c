/* The allow-list: every name that a pickle may mention, and what becomes of it. Nothing here is ever called. A name is
 * compared whole, module and attribute, so a dotted attribute or a submodule cannot smuggle in another. */
#include <string.h>

#include "pickle.h"

#define STORAGE(name, type)  { "torch", name, PKL_AS_STORAGE, FMT_##type }
#define DTYPE(name, type)    { "torch", name, PKL_AS_DTYPE, FMT_##type }
#define NO_STORAGE(name)     { "torch", name, PKL_AS_UNSUPPORTED, FMT_F32 }
#define NO_TENSOR(mod, name) { mod, name, PKL_AS_UNSUPPORTED, FMT_F32 }
#define OTHER(mod, name, as) { mod, name, as, FMT_F32 }

static const struct pkl_global table[] = {
	OTHER("collections", "OrderedDict", PKL_AS_DICT),
	OTHER("collections", "Counter", PKL_AS_DICT),

	OTHER("torch._utils", "_rebuild_tensor", PKL_AS_TENSOR),
	OTHER("torch._utils", "_rebuild_tensor_v2", PKL_AS_TENSOR),
	OTHER("torch._utils", "_rebuild_tensor_v3", PKL_AS_TENSOR_V3),
	OTHER("torch._utils", "_rebuild_parameter", PKL_AS_PARAMETER),
	OTHER("torch._utils", "_rebuild_parameter_with_state", PKL_AS_PARAMETER),
	OTHER("torch.nn.parameter", "Parameter", PKL_AS_PARAMETER),
	OTHER("torch.nn.parameter", "Buffer", PKL_AS_PARAMETER),
	OTHER("torch._tensor", "_rebuild_from_type_v2", PKL_AS_TYPED),

	STORAGE("FloatStorage", F32),
	STORAGE("HalfStorage", F16),
	STORAGE("BFloat16Storage", BF16),
	STORAGE("DoubleStorage", F64),
	STORAGE("LongStorage", I64),
	STORAGE("IntStorage", I32),
	STORAGE("ShortStorage", I16),
	STORAGE("CharStorage", I8),
	STORAGE("ByteStorage", U8),
	STORAGE("BoolStorage", BOOL),
	STORAGE("ComplexFloatStorage", C64),
	OTHER("torch.storage", "UntypedStorage", PKL_AS_UNTYPED),
	OTHER("torch", "UntypedStorage", PKL_AS_UNTYPED),
	NO_STORAGE("ComplexDoubleStorage"),
	NO_STORAGE("QInt8Storage"),
	NO_STORAGE("QUInt8Storage"),
	NO_STORAGE("QInt32Storage"),
	NO_STORAGE("QUInt4x2Storage"),
	NO_STORAGE("QUInt2x4Storage"),
	NO_TENSOR("torch.storage", "TypedStorage"),

	DTYPE("float32", F32),
	DTYPE("float16", F16),
	DTYPE("bfloat16", BF16),
	DTYPE("float64", F64),
	DTYPE("int64", I64),
	DTYPE("int32", I32),
	DTYPE("int16", I16),
	DTYPE("int8", I8),
	DTYPE("uint8", U8),
	DTYPE("uint16", U16),
	DTYPE("uint32", U32),
	DTYPE("uint64", U64),
	DTYPE("bool", BOOL),
	DTYPE("complex64", C64),
	DTYPE("float8_e4m3fn", F8_E4M3),
	DTYPE("float8_e5m2", F8_E5M2),
	DTYPE("float8_e4m3fnuz", F8_E4M3FNUZ),
	DTYPE("float8_e5m2fnuz", F8_E5M2FNUZ),
	DTYPE("float8_e8m0fnu", F8_E8M0),
	NO_STORAGE("complex32"),
	NO_STORAGE("complex128"),
	NO_STORAGE("float4_e2m1fn_x2"),
	NO_STORAGE("qint8"),
	NO_STORAGE("quint8"),
	NO_STORAGE("qint32"),
	NO_STORAGE("quint4x2"),
	NO_STORAGE("quint2x4"),

	NO_TENSOR("torch._utils", "_rebuild_sparse_tensor"),
	NO_TENSOR("torch._utils", "_rebuild_sparse_csr_tensor"),
	NO_TENSOR("torch._utils", "_rebuild_nested_tensor"),
	NO_TENSOR("torch._utils", "_rebuild_qtensor"),
	NO_TENSOR("torch._utils", "_rebuild_meta_tensor_no_storage"),
	NO_TENSOR("torch._utils", "_rebuild_wrapper_subclass"),
	NO_TENSOR("torch._utils", "_rebuild_device_tensor_from_numpy"),
	NO_TENSOR("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"),

	OTHER("torch", "Size", PKL_AS_SIZE),
	OTHER("torch", "Tensor", PKL_AS_CLASS),
	OTHER("torch", "device", PKL_AS_VALUE),
	OTHER("torch", "per_tensor_affine", PKL_AS_VALUE),
	OTHER("torch", "per_channel_affine", PKL_AS_VALUE),
	OTHER("torch", "per_tensor_symmetric", PKL_AS_VALUE),
	OTHER("torch", "per_channel_symmetric", PKL_AS_VALUE),
	OTHER("torch", "per_channel_affine_float_qparams", PKL_AS_VALUE),
	OTHER("torch.serialization", "_get_layout", PKL_AS_VALUE),
	OTHER("_codecs", "encode", PKL_AS_VALUE),
	OTHER("builtins", "bytearray", PKL_AS_VALUE),
	OTHER("builtins", "set", PKL_AS_VALUE),
	OTHER("builtins", "complex", PKL_AS_VALUE),
	OTHER("__builtin__", "bytearray", PKL_AS_VALUE), /* the names of Python 2, which protocol 2 keeps */
	OTHER("__builtin__", "set", PKL_AS_VALUE),
	OTHER("__builtin__", "complex", PKL_AS_VALUE),
};

const struct pkl_global *pickle_global(const char *module, size_t module_n, const char *name, size_t name_n)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct pkl_global *g = &table[i];

		if (strlen(g->module) == module_n && strlen(g->name) == name_n && !memcmp(g->module, module, module_n) &&
		    !memcmp(g->name, name, name_n))
			return g;
	}
	return NULL;
}
