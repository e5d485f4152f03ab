// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using Lifeboat.Sites.OpenStack.Compute;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>How the appliances of one site, and what hangs on them, are known from all else in a project.</summary>
/// <param name="Owner">Random, the site's for good.</param>
internal sealed record ApplianceMarks(string Owner)
{
    public const string NumberKey = "lifeboat-appliance-number";
    public const string NameKey = "lifeboat-appliance-name";
    private const string Prefix = "lifeboat-appliance=";

    /// <summary>Of the site whose directory it is; made at the first need.</summary>
    public static ApplianceMarks OfSite(string directory)
    {
        var file = Path.Combine(directory, "appliances.id");
        if (!File.Exists(file))
        {
            // Whole or not at all, and of two controllers the first one's.
            var mine = $"{file}.{Guid.NewGuid():n}";
            File.WriteAllText(mine, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)));
            try
            {
                File.Move(mine, file, overwrite: false);
            }
            catch (IOException) when (File.Exists(file))
            {
                File.Delete(mine);
            }
        }
        return new ApplianceMarks(File.ReadAllText(file).Trim());
    }

    /// <summary>A server's, beside its number in the metadata.</summary>
    public string Tag => Prefix + Owner;
    /// <summary>Of its security group and its server group.</summary>
    public string GroupName => $"lifeboat-appliance-{Owner}";

    public string ServerName(int number) => string.Create(CultureInfo.InvariantCulture, $"{GroupName}-{number}");

    /// <summary>Of its floating address.</summary>
    public string Address(string server) => $"lifeboat-appliance/{Owner}/{server}";

    /// <summary>Which server an address was taken for; null: it is another site's, or for something else.</summary>
    public string? ServerOf(string? address) =>
        address?.StartsWith(Address(""), StringComparison.Ordinal) is true ? address[Address("").Length..] : null;

    public bool IsMine(NovaServer server) => server.Tags?.Contains(Tag) is true;

    /// <summary>Of any site: no instance.</summary>
    public static bool IsAppliance(NovaServer server) =>
        server.Tags?.Any(t => t.StartsWith(Prefix, StringComparison.Ordinal)) is true;

    public static int NumberOf(NovaServer server) => int.TryParse(server.Metadata?.GetValueOrDefault(NumberKey),
        NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    /// <summary>It will not write any more, and nobody will bring it back.</summary>
    public static bool IsLost(NovaServer? server) => server is null
        || server is { Status: "DELETED" or "SOFT_DELETED" or "UNKNOWN" }
        || server is { TaskState: null, Status: not ("ACTIVE" or "BUILD" or "REBOOT" or "HARD_REBOOT") }
        || server.TaskState == "deleting";
}
