// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>The image of recovery appliances that was built of this source tree.</summary>
internal static class ApplianceImageFile
{
    public static string Path { get; } = System.IO.Path.Combine(Testbed.SourceTree(), "artifacts", "appliance.qcow2");

    public static void SkipUnlessThere()
    {
        if (!File.Exists(Path)) Assert.Skip($"{Path} is not there; kit/appliance/image makes it (./testbed test does)");
    }
}
