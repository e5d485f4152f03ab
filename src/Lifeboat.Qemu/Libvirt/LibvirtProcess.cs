// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Globalization;

namespace Lifeboat.Qemu.Libvirt;

/// <summary>Finds the QEMU process of a domain, which libvirt does not tell: by the uuid on its command line.</summary>
public static class LibvirtProcess
{
    private static readonly ConcurrentDictionary<string, int> s_known = new(StringComparer.Ordinal);

    /// <returns>0: it is on another host, or in another process namespace.</returns>
    public static int Find(LibvirtAddress address, string uuid)
    {
        if (!Uri.TryCreate(address.Uri, UriKind.Absolute, out var uri) || uri.Host.Length > 0) return 0;
        if (s_known.TryGetValue(uuid, out var before) && Has(before, uuid)) return before;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || !Has(id, uuid)) continue;
            s_known[uuid] = id;
            return id;
        }
        s_known.TryRemove(uuid, out _);
        return 0;
    }

    private static bool Has(int id, string uuid)
    {
        try
        {
            var arguments = File.ReadAllText($"/proc/{id}/cmdline").Split('\0');
            var at = Array.IndexOf(arguments, "-uuid");
            return at >= 0 && at + 1 < arguments.Length && arguments[at + 1] == uuid;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
