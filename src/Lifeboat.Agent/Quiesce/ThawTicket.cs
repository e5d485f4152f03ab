// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection.Policies;
using Lifeboat.Quiescing;

namespace Lifeboat.Agent.Quiesce;

/// <summary>
/// All that somebody else needs to thaw an instance: a file that the watchdog finds by its path in the shared page. It
/// is there before anything is asked of the instance, and gone once that is known to go on.
/// </summary>
internal sealed record ThawTicket(
    Guid Id, string Instance, string? GuestAgentSocket, string Directory, IReadOnlyList<QuiesceStep> Steps)
{
    /// <summary>What stands before the path in the page.</summary>
    public const string Mark = "ticket:";

    /// <summary>Written aside and renamed: whoever reads it finds all of it, or what was there before.</summary>
    /// <exception cref="IOException">No ticket, no freeze.</exception>
    public static void Write(string path, ThawTicket ticket)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using (var file = new FileStream(path + ".new", new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            JsonSerializer.Serialize(file, ticket, ContractJson.Options);
        }
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <returns>Null: it is gone, and with it what it stood for.</returns>
    public static ThawTicket? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<ThawTicket>(File.ReadAllBytes(path), ContractJson.Options);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public InstanceQuiesce Open(TimeProvider time) =>
        new(QuiesceProviders.Shipped(), new QuiesceTarget(Instance, GuestAgentSocket, Directory, time), Steps);
}
