// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;

namespace Lifeboat.Testing.Oracle;

/// <summary>
/// The append-only log of a witness. Text, one line each: `# lifeboat oracle witness 1` first, then
/// `UNIX_MICROSECONDS GUEST REPORT`, the report as the guest sent it. Flushed to the operating system after each read
/// of a socket, so that it outlives the process; a torn last line is not a report.
/// </summary>
public sealed class WitnessLogWriter : IDisposable
{
    public const string FirstLine = "# lifeboat oracle witness 1";

    private readonly Lock _lock = new();
    private readonly StreamWriter _writer;

    public WitnessLogWriter(string path)
    {
        var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        _writer = new StreamWriter(file, Encoding.ASCII, 64 << 10);
        // The line end also closes a line that a killed predecessor left torn.
        _writer.Write(file.Length == 0 ? FirstLine + "\n" : "\n");
        _writer.Flush();
    }

    /// <param name="guest">Without blanks.</param>
    public void Append(DateTimeOffset at, string guest, string report)
    {
        var microseconds = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        lock (_lock)
            _writer.Write(string.Create(CultureInfo.InvariantCulture, $"{microseconds} {guest} {report}\n"));
    }

    public void Flush()
    {
        lock (_lock) _writer.Flush();
    }

    public void Dispose() => _writer.Dispose();
}
