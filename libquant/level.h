/* One source, one object per CPU level.
 *
 * The type files are plain C whose inner loops run over QUANT_LANES independent lanes. They are compiled once per level
 * of cpu.h, with that level's instructions and never with fused multiply-add or reordered sums, so every level computes
 * the same bits: the source is the specification, and the compiler writes the vector code. Names that leave a file
 * carry the level, so that the linker cannot mix them up, and everything inline is static. */
#ifndef LIBQUANT_LEVEL_H
#define LIBQUANT_LEVEL_H

#ifndef QUANT_LEVEL
#error "compiled per level: see meson.build"
#endif

#define QUANT_JOIN_(name, level) quant_##name##_##level
#define QUANT_JOIN(name, level)  QUANT_JOIN_(name, level)
#define QUANT_AT(name)           QUANT_JOIN(name, QUANT_LEVEL)

/* A function of loops over lanes that is called from a loop. gcc vectorizes these where they stand, but once they are
 * inlined it turns their conditional expressions into branches. */
#if defined(__GNUC__)
#define QUANT_LANEWISE __attribute__((noinline)) static
#else
#define QUANT_LANEWISE static
#endif

#endif
