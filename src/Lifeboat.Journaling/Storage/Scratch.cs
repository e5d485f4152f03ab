// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Storage;

/// <summary>
/// Memory for a moment of a loop that goes on in the background. The runtime's shared pool keeps what is returned with
/// the thread that returned it: a loop that goes on at another thread after each wait would leave its longest buffer
/// with every one of them.
/// </summary>
public readonly struct Scratch : IDisposable
{
    private readonly IoRoom? _room;

    private Scratch(IoRoom? room, Memory<byte> memory) => (_room, Memory) = (room, memory);

    /// <summary>As long as was asked for. What is in it means nothing.</summary>
    public Memory<byte> Memory { get; }
    public Span<byte> Span => Memory.Span;

    public static Scratch Rent(int length)
    {
        if (length > IoRoom.Bytes) return new Scratch(null, GC.AllocateUninitializedArray<byte>(length));
        var room = IoRoom.Rent();
        return new Scratch(room, room.Memory[..length]);
    }

    /// <summary>Nobody uses the memory any more.</summary>
    public void Dispose() => _room?.Return();
}
