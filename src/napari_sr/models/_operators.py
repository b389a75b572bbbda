"""Operators that a program may use: pure functions of tensors and numbers.

TorchScript has some 1700 operators, and every library that is imported adds its own. A list of the forbidden ones would
have to be complete; this list of the allowed ones only has to be long enough. None of them reads or writes files,
prints, talks to other machines, starts threads, or changes settings of the process.
"""

from __future__ import annotations

__all__ = ["ATEN", "PRIM_FUNCTIONS", "PRIM_NODES"]

_CONVOLUTIONS = """
_convolution conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution thnn_conv2d
linear bilinear addmm addbmm baddbmm bmm mm mv matmul dot inner outer ger chain_matmul einsum tensordot
linalg_matmul linalg_multi_dot linalg_norm linalg_vector_norm linalg_matrix_norm linalg_inv inverse linalg_svd
linalg_qr linalg_solve linalg_det linalg_pinv linalg_eigh linalg_cross cross kron col2im im2col unfold
pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle embedding embedding_bag one_hot gru lstm
rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell scaled_dot_product_attention
_scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
_scaled_dot_product_flash_attention_for_cpu _native_multi_head_attention _transformer_encoder_layer_fwd
"""

_SAMPLING = """
upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d
upsample_nearest3d upsample_trilinear3d _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa
_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d grid_sampler grid_sampler_2d
grid_sampler_3d affine_grid_generator adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d avg_pool1d
avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices
max_pool3d_with_indices max_unpool2d max_unpool3d pad constant_pad_nd reflection_pad1d reflection_pad2d
reflection_pad3d replication_pad1d replication_pad2d replication_pad3d _pad_circular _pad_enum fft_fft fft_fft2
fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_rfft fft_rfft2 fft_rfftn fft_irfft fft_irfft2 fft_irfftn fft_fftshift
fft_ifftshift fft_fftfreq fft_rfftfreq stft istft hann_window hamming_window
"""

_ACTIVATIONS = """
relu relu_ relu6 relu6_ prelu rrelu rrelu_ leaky_relu leaky_relu_ elu elu_ celu celu_ selu selu_ gelu gelu_ glu
silu silu_ mish mish_ hardtanh hardtanh_ hardsigmoid hardsigmoid_ hardswish hardswish_ hardshrink softshrink
softplus softmax log_softmax _softmax _log_softmax log_sigmoid sigmoid sigmoid_ tanh tanh_ threshold threshold_
logit dropout dropout_ feature_dropout feature_dropout_ alpha_dropout feature_alpha_dropout native_dropout
batch_norm instance_norm layer_norm group_norm rms_norm _fused_rms_norm native_batch_norm native_layer_norm
native_group_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_impl_index
_weight_norm _weight_norm_interface norm_except_dim renorm cosine_similarity pairwise_distance cdist
"""

_ARITHMETIC = """
abs abs_ absolute absolute_ acos acosh add add_ addcdiv addcdiv_ addcmul addcmul_ angle arccos arcsin arctan
arctan2 asin asinh atan atan2 atanh bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift
bitwise_right_shift ceil ceil_ clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ complex conj
conj_physical copysign cos cos_ cosh cumprod cumsum cumsum_ deg2rad diff digamma div div_ divide divide_ erf
erf_ erfc erfinv exp exp_ exp2 expm1 fix float_power floor floor_ floor_divide floor_divide_ floordiv fmax fmin
fmod fmod_ frac gcd hypot i0 imag isclose isfinite isinf isnan isneginf isposinf isreal lerp lerp_ lgamma log
log_ log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logcumsumexp maximum
minimum mul mul_ multiply multiply_ nan_to_num nan_to_num_ neg neg_ negative nextafter polar positive pow pow_
rad2deg real reciprocal reciprocal_ remainder remainder_ round round_ rsqrt rsqrt_ rsub sgn sign sign_ signbit
sin sin_ sinc sinh special_expit special_gammaln special_i0 sqrt sqrt_ square square_ sub sub_ subtract
subtract_ tan true_divide true_divide_ trunc trunc_ xlogy eq eq_ equal ge ge_ greater greater_equal gt gt_ le
le_ less less_equal lt lt_ ne ne_ not_equal allclose __and__ __or__ __xor__ __lshift__ __rshift__ __iand__
__ior__ __ixor__ __not__ __is__ __isnot__ __contains__ __derive_index __range_length divmod mathremainder
degrees radians factorial gamma
"""

_REDUCTIONS = """
all amax amin aminmax any argmax argmin argsort bincount bucketize count_nonzero cummax cummin dist histc
kthvalue logsumexp max mean median min mode nanmean nanmedian nansum norm frobenius_norm nuclear_norm prod
quantile nanquantile searchsorted sort sorted std std_mean sum sum_to_size topk trace trapz unique_consecutive
unique_dim _unique _unique2 var var_mean
"""

_SHAPES = """
adjoint alias argwhere as_strided atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors broadcast_to
cartesian_prod cat chunk clone column_stack combinations concat concatenate contiguous copy copy_ data detach
detach_ diag diag_embed diagflat diagonal dsplit dstack expand expand_as fill fill_ fill_diagonal_ flatten flip
fliplr flipud gather hsplit hstack index index_add index_add_ index_copy index_copy_ index_fill index_fill_
index_put index_put_ index_select is_complex is_contiguous is_floating_point is_nonzero is_same_size is_signed
isin masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select meshgrid moveaxis movedim narrow
narrow_copy nonzero nonzero_numpy numel numpy_T mT mH matrix_H permute put put_ ravel repeat repeat_interleave
requires_grad_ reshape reshape_as resolve_conj resolve_neg roll rot90 row_stack scatter scatter_ scatter_add
scatter_add_ scatter_reduce select select_scatter size slice slice_scatter split split_with_sizes squeeze
squeeze_ stack storage_offset stride swapaxes swapdims t t_ take take_along_dim tensor_split tile transpose
transpose_ tril tril_ tril_indices triu triu_ triu_indices type_as unbind unflatten unsafe_chunk unsafe_split
unsafe_split_with_sizes unsqueeze unsqueeze_ view view_as view_as_complex view_as_real vsplit vstack where zero_
_unsafe_view _reshape_alias _reshape_from_tensor _shape_as_tensor _index_put_impl_ _unsafe_index
_unsafe_index_put _stack _copy_from _to_copy _conj _neg_view _size_if_not_equal
"""

_CREATION = """
arange as_tensor bernoulli bernoulli_ empty empty_like eye full full_like linspace logspace new_empty new_full
new_ones new_zeros normal normal_ ones ones_like rand rand_like randint randint_like randn randn_like randperm
range scalar_tensor tensor uniform_ zeros zeros_like _efficientzerotensor
"""

_NUMBERS = """
Bool Float FloatImplicit Int IntImplicit Complex ComplexImplicit ScalarImplicit Size item _local_scalar_dense to
cpu cuda can_cast result_type promote_types device dim element_size get_device is_grad_enabled is_leaf
is_scripting is_conj is_neg is_inference is_autocast_enabled is_autocast_cpu_enabled has_torch_function
_cast_Byte _cast_Char _cast_Double _cast_Float _cast_Half _cast_Int _cast_Long _cast_Short
_autocast_to_full_precision _autocast_to_reduced_precision
"""

_CONTAINERS = """
__getitem__ _set_item append clear copy count dict extend get index insert items keys len list pop popitem
remove reverse setdefault update values Delete
"""

_TEXT = """
format percentFormat str join lower upper startswith endswith strip find replace chr ord warn _assert_async
_assert_scalar _assert_tensor_metadata
"""
"""For messages of errors: scripted functions of PyTorch compose them. A warning is written to stderr."""

ATEN = frozenset(
    " ".join(
        (
            _CONVOLUTIONS, _SAMPLING, _ACTIVATIONS, _ARITHMETIC, _REDUCTIONS, _SHAPES, _CREATION, _NUMBERS,
            _CONTAINERS, _TEXT,
        )
    ).split()
)  # fmt: skip
"""Operators ``aten::…`` that a program may use, without the suffixes of their overloads."""

_PRIM = """
NumToTensor RaiseException abs data device dtype index is_cpu is_cuda is_meta is_mps is_nested is_quantized is_sparse
is_sparse_csr is_xpu itemsize layout max min name rangelist requires_grad tolist type
"""

_CONTROL = """
CallFunction CallMethod Constant ConstantChunk CreateObject DictConstruct GetAttr If ListConstruct ListUnpack Loop
SetAttr TupleConstruct TupleIndex TupleSlice TupleUnpack Uninitialized isinstance unchecked_cast
unchecked_unwrap_optional
"""

PRIM_FUNCTIONS = frozenset(_PRIM.split())
"""Operators ``prim::…`` that the source of a program may call."""

PRIM_NODES = PRIM_FUNCTIONS | frozenset(_CONTROL.split())
"""Nodes ``prim::…`` that the graph of a program may have: the above, control flow, and containers."""
