// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Qemu;

// Lines of JSON to and from a QEMU monitor. One reader and one writer at a time.
internal interface IMonitorLines : IDisposable
{
    /// <summary>The next line without its end, valid until the next call; null when the peer closed.</summary>
    /// <exception cref="QmpException">It ended, and the peer said why.</exception>
    ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken ct);

    /// <param name="bytes">Whole lines, ends included.</param>
    /// <exception cref="QmpException">Closed.</exception>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <summary>The same for one line that a descriptor goes with (`getfd`).</summary>
    /// <param name="passed">Stays open until the line is answered.</param>
    /// <exception cref="QmpException">Closed; Refused: no descriptor can go this way.</exception>
    ValueTask PassAsync(ReadOnlyMemory<byte> line, SafeHandle passed, CancellationToken ct);

    /// <summary>Nobody reads any more: what was kept to read into may go to the next conversation.</summary>
    void GiveBack();
}
