// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Runtime.InteropServices;

namespace Lifeboat.Appliance;

/// <summary>Memory that a device can be written from directly.</summary>
internal sealed unsafe class AlignedMemory : MemoryManager<byte>
{
    private readonly int _length;
    private void* _memory;

    public AlignedMemory(int length, int alignment)
    {
        _length = length;
        _memory = NativeMemory.AlignedAlloc((nuint)length, (nuint)alignment);
    }

    public Span<byte> Span => GetSpan();

    public void Dispose() => Dispose(disposing: true);

    public override Span<byte> GetSpan() => _memory is null ? throw new ObjectDisposedException(nameof(AlignedMemory))
        : new Span<byte>(_memory, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)_memory + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
