// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Torture;

/// <summary>
/// `torture.log`: one line per fault, proof, stall and finding, `UTC KIND text`; findings are repeated on the console.
/// </summary>
internal sealed class TortureLog(string path, TimeProvider time) : IDisposable
{
    private readonly StreamWriter _file = new(path, append: true) { AutoFlush = true };
    private readonly Lock _lock = new();
    private readonly List<string> _violations = [];
    private readonly long _start = time.GetTimestamp();

    public string Path => path;

    /// <summary>What must not be. Empty is the only good answer.</summary>
    public IReadOnlyList<string> Violations
    {
        get { lock (_lock) return [.. _violations]; }
    }

    public void Write(string kind, string text)
    {
        var now = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        lock (_lock) _file.WriteLine($"{now} {kind,-9} {text.ReplaceLineEndings(" ⏎ ")}");
    }

    public void Say(string text)
    {
        Write("say", text);
        Console.WriteLine($"[{time.GetElapsedTime(_start).TotalSeconds,6:0.0} s] {text}");
    }

    public void Violation(string text)
    {
        lock (_lock) _violations.Add(text);
        Write("VIOLATION", text);
        Console.WriteLine($"[{time.GetElapsedTime(_start).TotalSeconds,6:0.0} s] VIOLATION: {text}");
    }

    public void Dispose() => _file.Dispose();
}
