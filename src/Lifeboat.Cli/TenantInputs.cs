// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli;

/// <summary>Inputs of the commands about tenants, and how one reads.</summary>
internal static class TenantInputs
{
    public static Argument<string> Name() => new("name") { Description = "Name of the tenant" };

    public static Option<string?> Description() => new("--description")
    {
        Description = "For people",
        HelpName = "TEXT",
    };

    public static Option<int?> GroupsMax() => new("--groups-max")
    {
        Description = "How many groups it may have; -1: any number",
        HelpName = "N",
    };

    public static Option<long?> ProtectedMax() => new("--protected-max-gib")
    {
        Description = "How much it may protect, GiB over all volumes; -1: any amount",
        HelpName = "N",
    };

    public static Option<string?> ShipCap() => Inputs.Cap("All its groups together over each link");

    public static Option<bool?> FourEyes() => new("--four-eyes")
    {
        Description = "Moves of its instances begin only when a second person has approved them",
    };

    public static void Write(CommandOutput output, TenantInfo tenant) => output.WriteFacts(tenant,
    [
        ("tenant", tenant.Name), ("description", tenant.Description),
        ("groups", $"{tenant.Groups} of {Limit(tenant.Limits.GroupsMax)}"),
        ("protected", $"{Show.Bytes(tenant.ProtectedBytes)} of "
            + (tenant.Limits.ProtectedBytesMax is { } max ? Show.Bytes(max) : "any amount")),
        ("ship cap", tenant.Limits.ShipCap ?? "none"),
        ("four eyes", tenant.Limits.FourEyes ? "yes: moves need a second person" : "no"),
    ]);

    public static string Limit(int? max) => max?.ToString(CultureInfo.InvariantCulture) ?? "any number";
}
