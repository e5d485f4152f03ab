// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;

namespace Lifeboat.Nbd;

internal sealed class TlsChannel(SslStream stream) : Channel
{
    public override int Receive(Span<byte> buffer)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (IOException e)
        {
            throw NbdException.Lost("receive over TLS failed", e);
        }
    }

    public override void Send(ReadOnlySpan<byte> data)
    {
        try
        {
            stream.Write(data);
        }
        catch (IOException e)
        {
            throw NbdException.Lost("send over TLS failed", e);
        }
    }

    public override void Dispose() => stream.Dispose();
}
