// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>A blocking byte stream, used by the one thread that owns the connection.</summary>
internal abstract class Channel : IDisposable
{
    /// <summary>At least one byte, or 0 when the peer has ended its side.</summary>
    public abstract int Receive(Span<byte> buffer);

    public abstract void Send(ReadOnlySpan<byte> data);

    public virtual void ReceiveExactly(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var got = Receive(buffer);
            if (got == 0)
                throw NbdException.Lost("the peer ended the connection in the middle of a message");
            buffer = buffer[got..];
        }
    }

    public virtual void Dispose()
    {
    }
}
