// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Agent.Processes;

/// <summary>A process that cannot be mistaken for a later one with the same number.</summary>
/// <param name="StartTicks">Field 22 of `/proc/pid/stat`: clock ticks after boot.</param>
public readonly record struct ProcessIdentity(int Id, long StartTicks)
{
    public static ProcessIdentity Current => Find(Environment.ProcessId)!.Value;

    /// <summary>True while it runs; a zombie does not.</summary>
    public bool IsAlive => Find(Id) == this;

    /// <summary>Null when there is no such process, or only its zombie.</summary>
    public static ProcessIdentity? Find(int id)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{id}/stat");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        // The name in parentheses may hold anything, so fields are counted from the last one.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields.Length > 19 && fields[0] is not ("Z" or "X")
            && long.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            ? new ProcessIdentity(id, start)
            : null;
    }
}
