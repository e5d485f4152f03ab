// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Leases;

/// <summary>Names of leases.</summary>
internal static class LeaseName
{
    /// <summary>The background work and the runs of one protection group.</summary>
    public static string Group(string group) => $"group/{group}";

    public static string Application(string application) => $"application/{application}";

    /// <summary>What is done once for the whole site.</summary>
    public static string Site(string work) => $"site/{work}";
}
