// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.Capture.Moments;

/// <param name="Overlays">Folder for what guests overwrite in a moment; empty between moments.</param>
/// <param name="Rest">What sockets and pid files begin with of daemons that read disks at rest; short.</param>
internal sealed record MomentPlaces(string Overlays, string Rest);
